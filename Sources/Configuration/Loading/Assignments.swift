// SPDX-License-Identifier: Apache-2.0

/// What one source says: values for known keys, and what is wrong with the rest.
struct Assignments: Sendable {
    struct Assignment: Sendable {
        let key: String
        let value: GivenValue
        let origin: SettingOrigin
        /// The lines of the items of a list in a file.
        var itemLines: [Int] = []
    }

    var values: [Assignment] = []
    var problems: [ConfigurationProblem] = []
}
