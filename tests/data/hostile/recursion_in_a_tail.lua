-- ends: limit or error nested too deeply
local function f(n) return f(n + 1) end
f(0)
