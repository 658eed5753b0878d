-- ends: limit
local t = setmetatable({}, { __iter = function() while true do end end })
for k in t do end
