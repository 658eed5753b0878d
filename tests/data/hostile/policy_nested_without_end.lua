-- ends: error nested more than
-- in a tick: error policy works only while the file is loaded
local t = {}
for i = 1, 1e5 do t = { t } end
policy 'deep' (t)
