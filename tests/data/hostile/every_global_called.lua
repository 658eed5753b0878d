-- ends: limit or error or loads
for name, value in pairs(_G) do
	if type(value) == 'function' then pcall(value, print, print) pcall(value, {}, 1e9) end
end
while true do end
