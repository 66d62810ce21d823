variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "domain" {
  description = "The environment's domain; its zone is made here."
  type        = string
}

variable "cidr" {
  description = "The VPC's IPv4 range, a /16. Environments have different ones, so that they can be joined one day."
  type        = string
}

variable "choices" {
  description = "`foundation` of the environment's manifest. The defaults are those that the manifest's schema names; bbws counts their cost."
  type = object({
    zones = optional(number, 2)
    nat   = optional(string, "gateway")
    cells = optional(list(object({
      name             = string
      database_class   = optional(string, "db.t4g.small")
      database_storage = optional(number, 20)
      database_standby = optional(string, "none")
    })), [{ name = "a" }])
  })
}

variable "backup" {
  description = "How often the databases and files are copied (`hourly` or `daily`), and the days to which a database can be taken back to the second."
  type        = object({ plan = string, retention_days = number })
}

variable "protected" {
  description = "Whether databases, buckets, vaults and load balancers refuse to be deleted."
  type        = bool
}

variable "watch" {
  description = "What watches the account: leave out what the organization switches on for all its accounts."
  type        = object({ guardduty = bool, config = bool, cloudtrail = bool })
}

variable "monthly_budget" {
  description = "US dollars a month for the whole account."
  type        = number
}

variable "cost_anomaly" {
  description = "US dollars above the expected at which an unusual cost is told, or 0."
  type        = number
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = list(string)
}

variable "dnssec" {
  description = "Whether the zone is signed: see the route53 module."
  type        = bool
}

variable "dr" {
  description = "What the DR region gets beyond copies of backups, images and artifacts: a replica of the files, minutes behind."
  type        = object({ replicate_files = bool })
}

variable "isolated_vault_arn" {
  description = "A backup vault of another account for daily copies, or null."
  type        = string
  default     = null
}

variable "restore_testing" {
  description = "Whether AWS Backup restores something every week to see that it can."
  type        = bool
}

variable "pull_accounts" {
  description = "Accounts that pull images from this one's registry."
  type        = list(string)
  default     = []
}

variable "github" {
  description = "The GitHub repository whose workflows act here, see the github-oidc module; null for none."
  type        = object({ owner = string, name = string, owner_id = optional(number), id = optional(number) })
  default     = null
}

variable "image_sources" {
  description = "Accounts from whose registries images are brought here."
  type        = list(string)
  default     = []
}
