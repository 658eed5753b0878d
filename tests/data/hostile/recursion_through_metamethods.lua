-- ends: error nested too deeply or limit
local t
t = setmetatable({}, { __index = function(_, k) return t[k .. 'x'] end })
print(t.a)
