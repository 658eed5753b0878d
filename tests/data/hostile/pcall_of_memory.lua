-- ends: limit or memory
while true do pcall(string.rep, 'x', 1e9) end
