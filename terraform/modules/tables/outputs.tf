# SPDX-License-Identifier: Apache-2.0

output "slashing_table_arn" {
  value = aws_dynamodb_table.slashing.arn
}

output "state_table_arn" {
  value = aws_dynamodb_table.state.arn
}

output "keys_table_arn" {
  value = aws_dynamodb_table.keys.arn
}
