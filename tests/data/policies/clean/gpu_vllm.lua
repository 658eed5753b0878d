-- Llama 70B on two A100 a replica. A replica loads its weights for six minutes.
policy "llama-70b" {
  target = kubernetes.deployment { namespace = "llm", name = "llama-70b" },
  replicas = { min = 2, max = 10 },
  interval = "30s",
  startup = "6m",
  metrics = {
    waiting = llm_gateway.vllm { model = "llama-70b" },
    kv_cache = llm_gateway.vllm { model = "llama-70b" },
  },
  scale_out = {
    { name = "requests wait", when = function(m) return m.waiting > 10 end, sustained_for = "1m", add = 1 },
    { name = "cache nearly full", when = function(m) return m.kv_cache > 0.85 end, sustained_for = "2m", add = 1 },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.waiting < 1 and m.kv_cache < 0.3 end, sustained_for = "30m", remove = 1 },
  },
  cooldown = { scale_out = "8m", scale_in = "30m" },
  stabilization_window = { scale_in = "15m" },
  cost = { per_replica_hour = 8.4, currency = "USD" },
}
