-- ends: memory or limit
-- in a tick: error prometheus works only while the file is loaded
local kept = {}
while true do kept[#kept + 1] = prometheus { query = 'x' } end
