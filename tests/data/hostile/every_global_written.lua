-- ends: error read-only
for name in pairs(_G) do _G[name] = nil end
