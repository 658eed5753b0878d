-- ends: limit or memory
local arguments = { { {}, 1, 1e9, 2 }, { ('x'):rep(1e5), ('x'):rep(1e4), 1, true }, { 1e9, 1e9 }, { print, print } }
for name, library in pairs(_G) do
	if type(library) == 'table' and name ~= '_G' then
		for _, value in pairs(library) do
			for _, list in ipairs(arguments) do pcall(value, table.unpack(list)) end
		end
	end
end
while true do end
