-- Requests come through the shared ingress; one replica was load-tested at 85 requests a second.
policy "catalogue-api" {
  target = kubernetes.deployment { namespace = "catalogue", name = "api" },
  replicas = { min = 3, max = 40 },
  startup = "25s",
  metrics = {
    rps = gateway.ingress_nginx { namespace = "catalogue", ingress = "api", capacity = 85 },
    errors = gateway.ingress_nginx { namespace = "catalogue", ingress = "api", signal = "error_ratio" },
  },
  track = { rps = 60 },
  scale_out = {
    { name = "errors under load", when = function(m) return m.errors > 0.05 and m.rps > 100 end, sustained_for = "1m", add = 2 },
  },
  fallback = { after = "5m", replicas = 12 },
}
