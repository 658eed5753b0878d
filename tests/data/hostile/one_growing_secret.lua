-- ends: error longer than 64 KiB
local s = secret 'A'
while true do s = s .. s end
