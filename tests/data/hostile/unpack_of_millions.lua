-- ends: error too many results
print(select('#', table.unpack({}, 1, 8e6)))
