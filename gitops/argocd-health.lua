-- The health of a ModelRelease for Argo CD. Healthy: users have what the spec asks for.
-- Argo CD gives `obj` and takes { status, message }; its Lua is 5.1, without a library.
local function found(conditions, type)
  for _, one in ipairs(conditions) do
    if one.type == type then return one end
  end
  return nil
end

local function health(status, condition)
  return { status = status, message = condition.reason .. ": " .. condition.message }
end

local status = obj.status
-- What the status says is of an older spec until the operator has seen this one; a sync must not end by it.
if status == nil or status.observedGeneration ~= obj.metadata.generation or status.conditions == nil then
  return { status = "Progressing", message = "the operator has not seen this spec yet" }
end
local stalled = found(status.conditions, "Stalled")
if stalled ~= nil and stalled.status == "True" then return health("Degraded", stalled) end
local ready = found(status.conditions, "Ready")
if ready ~= nil and ready.status == "True" then return health("Healthy", ready) end
local reconciling = found(status.conditions, "Reconciling")
if reconciling ~= nil and reconciling.status == "True" then return health("Progressing", reconciling) end
-- Drifted, for one: nothing happens any more until somebody does something.
if ready ~= nil then return health("Degraded", ready) end
return { status = "Progressing", message = "the operator has said nothing of this spec yet" }
