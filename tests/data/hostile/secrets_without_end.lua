-- ends: limit or memory or error secrets
local kept = {}
while true do kept[#kept + 1] = secret 'A' .. ('x'):rep(60000) end
