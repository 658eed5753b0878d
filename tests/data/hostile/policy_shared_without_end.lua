-- ends: error more than
-- in a tick: error policy works only while the file is loaded
local t = {}
for i = 1, 64 do t = { t, t } end
policy 'dag' (t)
