-- ends: limit or memory
local t = {}
while true do table.insert(t, 1, 1) end
