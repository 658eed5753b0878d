-- ends: loads or error
-- in a tick: error policy works only while the file is loaded
local t = setmetatable({ replicas = { max = 1 } }, { __index = function() while true do end end, __iter = function() while true do end end })
policy 'meta' (t)
