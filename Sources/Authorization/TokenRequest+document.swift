// SPDX-License-Identifier: Apache-2.0
package import JSON

extension TokenRequest {
    /// Ten years; who wants longer leaves it away.
    package static let longest: Int64 = 10 * 366 * 86_400

    /// Reads `{"name":"…","policies":["…"],"ttl_seconds":3600}`; without `ttl_seconds` a new token does not expire.
    ///
    /// - Parameters:
    ///   - given: the policies where they are not the caller's to choose. Then the body may name a proposal, too.
    ///   - replacing: whether a token is replaced: then `null` takes its end away, and nothing leaves it as it is.
    package init(
        _ value: JSONValue,
        policies given: [PolicyName]? = nil,
        replacing: Bool = false
    ) throws(PolicyError) {
        let fields = given == nil ? ["name", "policies", "ttl_seconds"] : ["name", "ttl_seconds", "proposal"]
        let object = try PolicyObject(value, at: "", fields: fields)
        guard let text = try object.string("name") else { throw PolicyError("name", "is missing") }
        guard let name = PolicyName(text) else { throw PolicyError("name", "is \(PolicyName.rule)") }
        let most = AccessRegister.mostPoliciesOfToken
        let policies = try object.list("policies", atMost: most) { text throws(PolicyError) in
            guard let name = PolicyName(text) else { throw PolicyError("", "is no name of a policy") }
            return name
        }
        guard let policies = given ?? policies else { throw PolicyError("policies", "is missing") }
        guard Set(policies).count == policies.count else { throw PolicyError("policies", "names a policy twice") }
        if replacing, object.isNull("ttl_seconds") {
            self.init(name: name, policies: policies, end: .never)
            return
        }
        let lifetime = try object.wholeNumber("ttl_seconds")
        if let lifetime, !(1...Self.longest).contains(lifetime) {
            throw PolicyError("ttl_seconds", "is between 1 and \(Self.longest)")
        }
        self.init(name: name, policies: policies, lifetime: lifetime)
    }
}
