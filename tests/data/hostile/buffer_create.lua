-- ends: error buffer.create is not there
buffer.create(1e9)
