"""The rules: what a member may do. Verbs and questions with their SQL; no HTML, no HTTP, and never a commit."""
