-- ends: limit or memory or loads
-- Numbers whose hash ends in 18 zero bits, by running the VM's hash backwards.
local function mul(a, b)
	local low = a % 65536
	return (low * b % 4294967296 + ((a - low) / 65536 * b % 65536) * 65536) % 4294967296
end
local inverse = 3852147133
local t = {}
for i = 1, 60000 do
	local h1, h2 = i, i * 262144 % 4294967296
	h2 = bit32.bxor(mul(h2, inverse), bit32.rshift(h1, 19))
	h1 = bit32.bxor(mul(h1, inverse), bit32.rshift(h2, 17))
	h2 = bit32.bxor(mul(h2, inverse), bit32.rshift(h1, 22))
	h1 = bit32.bxor(mul(h1, inverse), bit32.rshift(h2, 18))
	local number = string.unpack('<d', string.pack('<I4I4', h1, bit32.band(h2, 0x7fffffff)))
	if number == number then t[number] = true end
end
for i = 1, 1e9 do t[0.5 + i] = nil end
