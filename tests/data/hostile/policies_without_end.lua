-- ends: memory or limit or error more than
-- in a tick: error policy works only while the file is loaded
local i = 0
while true do i += 1 policy('p' .. i) { text = ('x'):rep(50000), f = function() end } end
