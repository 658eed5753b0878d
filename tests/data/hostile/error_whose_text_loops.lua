-- ends: limit or error it raised a table
local e = setmetatable({}, { __tostring = function() while true do end end })
error(e)
