-- What a policy may cost, and whose it is.

local HOURS = 730 -- of a month
local MOST = 20000 -- a month, in the policy's own currency

rule "over-budget" {
  policy = function(p, report)
    if p.cost == nil then return end
    local month = p.replicas.max * p.cost.per_replica_hour * HOURS
    if month > MOST then
      report {
        at = p.replicas.max,
        message = string.format("at its ceiling %s costs %d %s a month, and %d is the most", p.name, month, p.cost.currency, MOST),
        help = string.format("a ceiling of %d fits", MOST // (p.cost.per_replica_hour * HOURS)),
      }
    end
  end,
}

rule "foreign-name" {
  level = "note",
  why = "A policy is named after what it scales, so that whoever is paged finds it.",
  policy = function(p, report)
    local name = p.target and p.target.name
    if name ~= nil and p.name ~= name then
      report { at = p.name, message = `the policy {p.name} scales {name}`, help = `name it "{name}"` }
    end
  end,
}
