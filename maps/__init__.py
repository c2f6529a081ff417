"""The front desk: everything a person looks at or types into."""
