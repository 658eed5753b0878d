-- ends: limit
local meta = { __eq = function() while true do end end }
print(setmetatable({}, meta) == setmetatable({}, meta))
