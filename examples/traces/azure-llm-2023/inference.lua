-- Two language-model services. What a GPU replica can do is counted in tokens: code completion
-- reads long prompts and writes little, conversation writes a lot.

local PROMPT    = 8000 -- prompt tokens a second that one replica reads
local GENERATED = 300  -- tokens a second that one replica writes

policy "code-completion" {
  target   = kubernetes.deployment { namespace = "llm", name = "code" },
  replicas = { min = 1, max = 16 },
  interval = "10s",
  startup  = "40s",

  metrics = {
    prompt = prometheus { query = [[sum(rate(vllm:prompt_tokens_total{service="code"}[2m]))]],
                          unit = "tokens_per_second", per = "total", capacity = PROMPT },
  },

  track = { prompt = 0.7 * PROMPT },
  scale_out = {
    -- A burst asks for all it needs at once, not for a step.
    { name = "burst", when = function(m, ctx) return m.prompt > 1.5 * PROMPT * ctx.ready end,
      by = function(m) return m.prompt / PROMPT end },
  },
  stabilization_window = { scale_out = "0s", scale_in = "10m" },
  rate_limit           = { scale_out = { replicas = 8, per = "1m" }, scale_in = { percent = 50, per = "1m" } },
  cost                 = { per_replica_hour = 2.5, currency = "USD" },
}

policy "conversation" {
  target   = kubernetes.deployment { namespace = "llm", name = "conversation" },
  replicas = { min = 2, max = 16 },
  interval = "10s",
  startup  = "40s",

  metrics = {
    generated = prometheus { query = [[sum(rate(vllm:generation_tokens_total{service="conversation"}[2m]))]],
                             unit = "tokens_per_second", per = "total", capacity = GENERATED },
  },

  track                = { generated = 0.7 * GENERATED },
  stabilization_window = { scale_out = "30s", scale_in = "3m" },
  cost                 = { per_replica_hour = 2.5, currency = "USD" },
}
