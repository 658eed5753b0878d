-- Two functions of one tenant. The first is idle most of the time and then gets a burst of a few
-- minutes, so it sleeps at zero replicas; the second never rests.

-- What both do on the way down: wait five minutes, so that a pause between bursts costs nothing.
local calm = { scale_out = "0s", scale_in = "5m" }

policy "burst-function" {
  target   = kubernetes.deployment { namespace = "functions", name = "burst" },
  replicas = { min = 0, max = 12 },
  startup  = "10s",

  metrics = {
    rps = prometheus { query = [[sum(rate(function_invocations_total{function="burst"}[2m]))]],
                       unit = "per_second", per = "total", capacity = 1 },
  },

  activation           = { rps = 0 },  -- any invocation wakes it
  track                = { rps = 0.8 }, -- 0.8 requests a second for each replica
  stabilization_window = calm,
}

policy "steady-function" {
  target   = kubernetes.deployment { namespace = "functions", name = "steady" },
  replicas = { min = 10, max = 80 },
  startup  = "10s",

  metrics = {
    rps = prometheus { query = [[sum(rate(function_invocations_total{function="steady"}[2m]))]],
                       unit = "per_second", per = "total", capacity = 5 },
  },

  track                = { rps = 4 },
  tolerance            = { scale_out = 0.02, scale_in = 0.1 }, -- grow early, shrink late
  stabilization_window = calm,
}
