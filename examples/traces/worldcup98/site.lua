-- The web site of the 1998 football World Cup: quiet nights, and a match that multiplies the load
-- by ten within the hour. It was served from four sites; here they share one ceiling.

policy "worldcup-site" {
  target   = kubernetes.deployment { namespace = "web", name = "worldcup" },
  replicas = { min = 2, max = 50 },
  interval = "5m",
  startup  = "2m",

  metrics = {
    rps = prometheus { query = [[sum(rate(http_requests_total{service="worldcup"}[5m]))]],
                       unit = "per_second", per = "total", capacity = 100 },
  },

  track                = { rps = 70 },
  stabilization_window = { scale_out = "0s", scale_in = "20m" },
  rate_limit = {
    scale_out = { { percent = 50, per = "5m" }, { replicas = 4, per = "5m" } }, -- the larger counts
    scale_in  = { replicas = 3, per = "5m" },
  },

  -- Decided each for itself; the sum never passes max_total. Not simulated yet.
  regions = { "us-central", "us-east", "us-west", "eu-west", max_total = 120 },
}
