//! The flow, told top to bottom: read, inspect, judge, enforce, record.
