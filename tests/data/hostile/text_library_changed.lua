-- ends: error read-only
getmetatable('').__index.upper = nil
