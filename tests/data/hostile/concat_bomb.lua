-- ends: memory or limit
local t = {}
for i = 1, 1e5 do t[i] = ('x'):rep(100) end
local s = ''
while true do s = table.concat(t) .. s end
