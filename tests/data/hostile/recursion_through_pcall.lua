-- ends: limit or error nested too deeply or loads
local function f() return pcall(f) end
while true do f() end
