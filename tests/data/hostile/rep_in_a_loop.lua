-- ends: limit or memory
while true do local s = string.rep('x', 4e6) end
