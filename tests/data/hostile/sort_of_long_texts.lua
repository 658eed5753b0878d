-- ends: limit or memory or loads
local t = {}
for i = 1, 1e5 do t[i] = ('x'):rep(60) .. (i * 7919 % 1e5) end
while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end
