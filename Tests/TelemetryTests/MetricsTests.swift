// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
    @Test func `a counter is written with its help, type and labels`() {
        let registry = MetricRegistry()
        let family = registry.counter("requests_total", "What \\ it\nis \"called\".", labels: ["status", "path"])
        family["200", "/"].increment()
        family["200", "/"].increment(by: 2)
        family["500", "a\"b\\c\nd"].increment()
        #expect(
            registry.exposition() == #"""
                # HELP requests_total What \\ it\nis "called".
                # TYPE requests_total counter
                requests_total{status="200",path="/"} 3.0
                requests_total{status="500",path="a\"b\\c\nd"} 1.0

                """#
        )
    }

    @Test func `gauges go up and down and can be infinite`() {
        let registry = MetricRegistry()
        let gauge = registry.gauge("level", "Level.")[]
        gauge.set(4)
        gauge.add(-1.5)
        #expect(registry.exposition().hasSuffix("level 2.5\n"))
        gauge.set(Double.infinity)
        #expect(registry.exposition().hasSuffix("level +Inf\n"))
        gauge.set(true)
        #expect(registry.exposition().hasSuffix("level 1.0\n"))
    }

    @Test func `the buckets of a histogram are cumulative and include their bound`() {
        let registry = MetricRegistry()
        let histogram = registry.histogram("t_seconds", "T.", labels: ["k"], bounds: [0.1, 1])["v"]
        for value in [0.05, 0.1, 0.5, 2] { histogram.observe(value) }
        histogram.observe(nanoseconds: 250_000_000)
        #expect(
            registry.exposition().hasSuffix(
                """
                t_seconds_bucket{k="v",le="0.1"} 2
                t_seconds_bucket{k="v",le="1.0"} 4
                t_seconds_bucket{k="v",le="+Inf"} 5
                t_seconds_sum{k="v"} 2.9
                t_seconds_count{k="v"} 5

                """
            )
        )
    }

    @Test func `a summary has the quantiles of its last 1024 observations and the count and sum of all`() {
        let registry = MetricRegistry()
        let summary = registry.summary("s", "S.")[]
        for _ in 0..<1000 { summary.observe(1_000_000) }
        for value in 1...1024 { summary.observe(Double(value)) }
        #expect(
            registry.exposition().hasSuffix(
                """
                s{quantile="0.2"} 205.0
                s{quantile="0.5"} 512.0
                s{quantile="0.8"} 820.0
                s{quantile="0.95"} 973.0
                s{quantile="0.99"} 1014.0
                s{quantile="1.0"} 1024.0
                s_sum 1000524800.0
                s_count 2024

                """.replacingOccurrences(of: "1.0005248e+09", with: "\(1_000_524_800.0)")
            )
        )
    }

    @Test func `a summary without observations starts at zero with no quantiles`() {
        let registry = MetricRegistry()
        _ = registry.summary("s", "S.")[]
        #expect(registry.exposition().contains("s{quantile=\"0.5\"} NaN\n"))
        #expect(registry.exposition().hasSuffix("s_sum 0.0\ns_count 0\n"))
    }

    @Test func `a label that turns out to be open does not take all memory`() {
        let registry = MetricRegistry()
        let family = registry.counter("c_total", "C.", labels: ["open"])
        for number in 0..<5000 { family["\(number)"].increment() }
        #expect(family["other"].value == 4000)
        #expect(registry.exposition().split(separator: "\n").count < 1010)
    }

    @Test func `nothing is lost when many threads count`() {
        let registry = MetricRegistry()
        let family = registry.counter("c_total", "C.", labels: ["l"])
        let gauge = registry.gauge("g", "G.")[]
        let histogram = registry.histogram("h", "H.", bounds: [1])[]
        let summary = registry.summary("s", "S.")[]
        let threads = (0..<4).map { number in
            Concurrency.Thread(name: "count-\(number)") {
                for _ in 0..<2000 {
                    family["a"].increment()
                    gauge.add(1)
                    histogram.observe(0.5)
                    summary.observe(0.5)
                    if number == 0 { _ = registry.exposition().count }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(family["a"].value == 8000)
        #expect(gauge.value == 8000)
        #expect(histogram.count == 8000)
        #expect(summary.count == 8000)
    }

    @Test func `collectors run before each scrape`() {
        let registry = MetricRegistry()
        let gauge = registry.gauge("g", "G.")[]
        let scrapes = Lock(0)
        registry.collect {
            gauge.set(
                scrapes.withLock {
                    $0 += 1; return $0
                }
            )
        }
        #expect(registry.exposition().hasSuffix("g 1.0\n"))
        #expect(registry.exposition().hasSuffix("g 2.0\n"))
    }

    @Test func `a name declared twice is a mistake of the programmer`() async {
        await #expect(processExitsWith: .failure) {
            let registry = MetricRegistry()
            _ = registry.gauge("g", "G.")
            _ = registry.counter("g", "G.")
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct ChamberMetricsTests {
    @Test func `the names of Web3Signer start at zero, as its own suite compares them`() {
        let page = Metrics(version: "1.2.3").registry.exposition()
        for line in [
            "signing_bls_signing_duration_count 0", "signing_bls_signing_duration_sum 0.0",
            "signing_bls_missing_identifier_count_total 0.0", "http_bls_malformed_request_count_total 0.0",
            "signing_signers_loaded_count 0.0", "eth2_slashingprotection_permitted_signings_total 0.0",
            "eth2_slashingprotection_prevented_signings_total 0.0", #"process_release{version="1.2.3"} 1.0"#,
            #"eth2_slashingprotection_database_duration_count{signingOperation="block"} 0"#,
            #"eth2_slashingprotection_database_duration_count{signingOperation="attestation"} 0"#,
        ] { #expect(page.contains("\n\(line)\n"), "\(line)") }
    }

    @Test func `a signature counts like Web3Signer's`() {
        let metrics = Metrics(version: "1")
        metrics.permittedSignings.increment()
        metrics.blsSigningDuration.observe(nanoseconds: 400_000)
        let page = metrics.registry.exposition()
        #expect(page.contains("\neth2_slashingprotection_permitted_signings_total 1.0\n"))
        #expect(page.contains("\nsigning_bls_signing_duration_count 1\n"))
        #expect(page.contains("\nsigning_bls_signing_duration_sum 0.0004\n"))
    }

    @Test func `the names of the original Containment Chamber are declared`() {
        let kinds = Dictionary(
            uniqueKeysWithValues: Metrics(version: "1").registry.declarations.map { ($0.name, $0) }
        )
        #expect(kinds["containment_signing_requests_total"]?.labels == ["status", "operation"])
        #expect(kinds["containment_signing_duration_seconds"]?.kind == .histogram)
        #expect(kinds["containment_slashing_rejections_total"]?.kind == .counter)
        #expect(kinds["containment_signing_semaphore_available"]?.kind == .gauge)
        #expect(kinds["containment_signing_concurrency_limit"]?.kind == .gauge)
        #expect(kinds["containment_canary_signing_total"]?.kind == .counter)
        #expect(kinds["containment_healthy"]?.kind == .gauge)
        #expect(kinds["containment_auth_rejections_total"]?.kind == .counter)
        #expect(kinds["containment_keys_active"]?.labels == ["source"])
        #expect(kinds["containment_key_loading_duration_seconds"]?.kind == .gauge)
        #expect(kinds["containment_key_load_failures_total"]?.kind == .counter)
    }

    @Test func `every process metric has a plausible value`() throws {
        let page = Metrics(version: "1").registry.exposition(prefix: "process_")
        func value(_ name: String) throws -> Double {
            let line = try #require(page.split(separator: "\n").first { $0.hasPrefix(name + " ") })
            return try #require(Double(line.split(separator: " ")[1].replacing("+Inf", with: "inf")))
        }
        #expect(try value("process_cpu_seconds_total") > 0)
        #expect(try abs(value("process_start_time_seconds") - Date().timeIntervalSince1970) < 86_400)
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"))
        #expect(try value("process_open_fds") >= 3)
        #expect(try value("process_max_fds") >= value("process_open_fds"))
        #expect(try value("process_threads") >= 1)
    }

    private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(.enabled(if: promtool != nil, "promtool (package prometheus) is not installed"))
    func `promtool finds nothing to object to in the names of the chamber`() throws {
        let metrics = Metrics(version: "1")
        metrics.signingRequests["200", "ATTESTATION"].increment()
        metrics.signingDuration.observe(nanoseconds: 1)
        metrics.keysActive["file-raw"].set(3)
        metrics.refusals["slashable_block"].increment()
        let page = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID())")
        try metrics.registry.exposition(prefix: "containment_").write(to: page, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: page) }
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.promtool))
        process.arguments = ["check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: page)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(said.isEmpty, "\(said)")
    }
}
