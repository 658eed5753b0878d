-- ends: error invalid format
print(('%.999f'):format(1))
