policy "edge-gateway" {
  target = kubernetes.deployment { namespace = "edge", name = "gateway" },
  replicas = { min = 4, max = 60 },
  startup = "20s",
  metrics = {
    rps = prometheus { query = 'sum(rate(envoy_http_downstream_rq_total{listener="public"}[2m]))', unit = "per_second", per = "total", capacity = 400 },
  },
  track = { rps = 280 },
  regions = {
    { name = "eu-west-1", weight = 2 },
    { name = "us-east-1", weight = 2 },
    { name = "ap-southeast-2", min = 2, max = 20 },
    max_total = 130,
    failover = function(ctx) return not ctx.region.healthy end,
  },
}
