# SPDX-License-Identifier: Apache-2.0

variable "role_name" {
  description = "Name of the role of the signer."
  type        = string
}

variable "policy_name" {
  description = "Name of the policy in the role."
  type        = string
  default     = "containment-chamber"
}

variable "kms_key_arns" {
  description = "The KMS keys that wrap the shares, also those of other accounts."
  type        = list(string)

  validation {
    condition     = length(var.kms_key_arns) > 0 && alltrue([for arn in var.kms_key_arns : can(regex(":key/", arn))])
    error_message = "Name the KMS keys by the ARNs of the keys themselves; aliases are refused."
  }
}

variable "slashing_table_arn" {
  description = "The table of the slashing record."
  type        = string
}

variable "state_table_arn" {
  description = "The table of the signer state."
  type        = string
}

variable "keys_table_arn" {
  description = "The table of encrypted keys."
  type        = string
}

variable "chamber" {
  description = "The chamber's identifier, 32 digits, once it is initialised; null before."
  type        = string
  default     = null
}

variable "allow_encrypt" {
  description = "Whether shares may be wrapped: for an initialisation or a rotation."
  type        = bool
  default     = true
}
