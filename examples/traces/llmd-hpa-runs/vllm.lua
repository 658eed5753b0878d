-- A vLLM deployment, tracked on its queue and on how full its KV cache is, as the recorded HPA was,
-- but slower on the way down: the recorded runs went from 10 replicas to 1 within three minutes.

policy "llama-8b" {
  target   = kubernetes.deployment { namespace = "llm-d", name = "llama-8b" },
  replicas = { min = 1, max = 10 },
  interval = "21s",
  startup  = "42s",

  metrics = {
    queue    = prometheus { query = [[avg(vllm:num_requests_waiting{model_name="llama-8b"})]],
                            unit = "count", per = "replica" },
    kv_cache = prometheus { query = [[avg(vllm:kv_cache_usage_perc{model_name="llama-8b"})]],
                            unit = "ratio", per = "replica", saturation = 1.0 },
  },

  track                = { queue = 20, kv_cache = 0.5 },
  stabilization_window = { scale_out = "0s", scale_in = "3m" },
  rate_limit           = { scale_in = { replicas = 1, per = "1m" } },
  fallback             = { after = "3m", replicas = 2 },
  cost                 = { per_replica_hour = 2.5, currency = "USD" },
}
