-- A web server with a daily rhythm. The recording holds two kinds of nothing: days without rows
-- (the logs were lost; nothing may scale in on that) and a day and a half of zeros (the server was down).

policy "nasa-web" {
  target   = kubernetes.deployment { namespace = "web", name = "nasa" },
  replicas = { min = 2, max = 20 },
  interval = "5m",
  startup  = "2m",

  metrics = {
    rps = prometheus { query = [[sum(rate(http_requests_total{service="nasa"}[5m]))]],
                       unit = "per_second", per = "total", capacity = 0.2 },
  },

  track                = { rps = 0.15 },
  tolerance            = 0.2, -- five minutes of a small site are noisy
  stabilization_window = { scale_out = "0s", scale_in = "30m" },
  fallback             = { after = "1h", replicas = 8 },
  predict              = { metric = "rps", per_replica = 0.15, horizon = "30m", history = "14d" },

  on = {
    metrics_lost = function(event, act) act.log(event.policy .. " is blind; scaling in is held") end,
  },
}
