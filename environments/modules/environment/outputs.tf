output "foundation" {
  description = "The foundation document."
  value       = local.foundation
}

output "name_servers" {
  description = "What the parent zone must name in its NS record of the environment's domain."
  value       = module.route53.name_servers
}

output "ds_record" {
  description = "What the parent zone must hold as DS record, or null without DNSSEC."
  value       = module.route53.ds_record
}

output "workflow_roles" {
  description = "What GitHub's workflows assume, by what they do."
  value       = one(module.github_oidc[*].role_arns)
}
