// SPDX-License-Identifier: Apache-2.0
import Telemetry
import Testing

@Suite struct LogFilterTests {
    @Test(arguments: [
        ("info", "chamber=info audit=info auth=info http=info keys=info protection=info signer=info"),
        ("off", "chamber=off audit=off auth=off http=off keys=off protection=off signer=off"),
        ("", "chamber=error audit=error auth=error http=error keys=error protection=error signer=error"),
        ("off,audit=info", "chamber=off audit=info auth=off http=off keys=off protection=off signer=off"),
        (
            "containment_chamber=info,audit=info",
            "chamber=info audit=info auth=info http=info keys=info protection=info signer=info"
        ),
        ("audit", "chamber=error audit=trace auth=error http=error keys=error protection=error signer=error"),
        (" WARN , Audit=off", "chamber=warn audit=warn auth=warn http=warn keys=warn protection=warn signer=warn"),
        (
            "containment_chamber=warn,containment_chamber::http=debug",
            "chamber=warn audit=error auth=warn http=debug keys=warn protection=warn signer=warn"
        ),
        ("http=trace,warn", "chamber=warn audit=warn auth=warn http=trace keys=warn protection=warn signer=warn"),
        ("audit=info,audit=off,off", "chamber=off audit=off auth=off http=off keys=off protection=off signer=off"),
        ("hyper=debug,info", "chamber=info audit=info auth=info http=info keys=info protection=info signer=info"),
    ]) func `a filter decides for each target`(text: String, expected: String) throws {
        let filter = try LogFilter(parsing: text)
        let decided = LogTarget.allCases.map { target in
            let highest = LogLevel.allCases.last { filter.allows($0, target) }
            return "\(target)=\(highest.map { "\($0)" } ?? "off")"
        }
        #expect(decided.joined(separator: " ") == expected)
    }

    @Test func `a filter lets through all that is at least as urgent`() throws {
        let filter = try LogFilter(parsing: "warn")
        #expect(filter.allows(.error, .http) && filter.allows(.warn, .http))
        #expect(!filter.allows(.info, .http) && !filter.allows(.trace, .http))
    }

    @Test(arguments: ["audit=loud", "audit=", "http=info,audit=infos"])
    func `a level that does not exist is refused with the directive`(text: String) {
        let error = #expect(throws: LogFilter.Failure.self) { try LogFilter(parsing: text) }
        #expect(error?.description.contains("audit=") == true)
    }

    @Test func `a directive without a target is refused`() {
        #expect(throws: LogFilter.Failure.noTarget(directive: "=info")) { try LogFilter(parsing: "=info") }
    }
}
