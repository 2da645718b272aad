"""What is protected: databases, services, and the manifests that deploy them."""
