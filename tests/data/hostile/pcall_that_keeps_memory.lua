-- ends: limit or memory
local kept = {}
while true do pcall(function() kept[#kept + 1] = ('x'):rep(1e6) .. #kept end) end
