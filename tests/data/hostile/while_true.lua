-- ends: limit
while true do end
