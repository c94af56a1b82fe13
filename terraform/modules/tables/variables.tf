# SPDX-License-Identifier: Apache-2.0

variable "slashing_table" {
  description = "Name of the table of the slashing record (anti_slashing.table)."
  type        = string
  default     = "chamber-slashing"
}

variable "state_table" {
  description = "Name of the table of the signer state (signer_state.table)."
  type        = string
  default     = "chamber-state"
}

variable "keys_table" {
  description = "Name of the table of encrypted keys (key_sources.dynamodb.table)."
  type        = string
  default     = "chamber-keys"
}

variable "tags" {
  description = "Tags of the tables."
  type        = map(string)
  default     = {}
}
