# SPDX-License-Identifier: Apache-2.0

output "policy_json" {
  description = "The policy as it was written into the role."
  value       = data.aws_iam_policy_document.signer.json
}
