-- ends: memory
local x = 'x'
while true do x = x .. x end
