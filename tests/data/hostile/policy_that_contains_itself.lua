-- ends: error contains itself
-- in a tick: error policy works only while the file is loaded
local t = {}
t.t = t
policy 'loop' (t)
