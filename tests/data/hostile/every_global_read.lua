-- ends: loads
for _ = 1, 3 do
	for name, value in pairs(_G) do print(name, type(value)) end
end
