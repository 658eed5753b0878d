-- ends: error invalid format
print(('%999d'):format(1))
